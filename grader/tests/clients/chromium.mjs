// Chromium's own EventSource and WebSocket, in a page of the server itself. Usage:
//   chromium.mjs PROGRAM eventsource SERVER PATH
//   chromium.mjs PROGRAM websocket SERVER PATH [ORIGIN]
// Prints what the page reports, a line of JSON each. ORIGIN: a page of that server instead.
import { chromium } from 'playwright-core';

const [executablePath, kind, server, path, origin] = process.argv.slice(2);
const browser = await chromium.launch({
    executablePath,
    // As root Chromium has no sandbox of its own; all that it loads is ours.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
const page = await browser.newPage();
await page.exposeFunction('report', value => console.log(JSON.stringify(value)));
// A page is never told why; Chromium tells who drives it.
page.on('websocket', socket => socket.on('socketerror', error =>
    console.log(JSON.stringify({ refused: error }))));
await page.goto((origin ?? server) + '/health');

const scripts = {
    eventsource(url) {
        const source = new EventSource(url);
        source.addEventListener('open', () => report({ open: true }));
        source.addEventListener('quote', event =>
            report({ id: event.lastEventId, quote: JSON.parse(event.data) }));
        source.addEventListener('notice', event => report({ notice: event.data }));
        source.addEventListener('reset', event => report({ reset: event.data }));
    },
    websocket(url) {
        const socket = new WebSocket(url.replace('http', 'ws'));
        const say = message => socket.send(JSON.stringify(message));
        socket.onopen = () => say({ type: 'auth', token: 'demo-token' });
        socket.onmessage = event => {
            const message = JSON.parse(event.data);
            if (message.type === 'welcome') {
                say({ type: 'subscribe', symbols: ['BTC'] });
                say({ type: 'ping' });
            }
            report(message);
        };
        socket.onclose = event => report({ closed: event.code });
    },
};
await page.evaluate(scripts[kind], server + path);
// Whoever started it is gone: leave no browser behind, nor its profile.
process.stdin.on('end', () => browser.close().then(() => process.exit())).resume();
