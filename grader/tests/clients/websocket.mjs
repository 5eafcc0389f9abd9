// npm ws: authenticates, subscribes, prints each message; says what comes on stdin.
// Usage: websocket.mjs URL TOKEN SYMBOL…   The last line tells how the connection was closed.
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';

const [url, token, ...symbols] = process.argv.slice(2);
const print = value => console.log(JSON.stringify(value));
const socket = new WebSocket(url);
const say = message => socket.send(JSON.stringify(message));
socket.on('open', () => say({ type: 'auth', token }));
socket.on('message', data => {
    const message = JSON.parse(data);
    if (message.type === 'welcome') {
        say({ type: 'subscribe', symbols });
        say({ type: 'ping' });
    }
    print(message);
});
socket.on('ping', () => print({ protocol: 'ping' }));
socket.on('close', code => {
    print({ closed: code });
    process.exit();
});
socket.on('error', error => print({ error: error.message }));
createInterface({ input: process.stdin }).on('line', line => socket.send(line))
    // Whoever started it is gone.
    .on('close', () => process.exit());
