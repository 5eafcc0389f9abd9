// What `jbang fanout` compares the labs' servers with. Usage: fanout-server.mjs sse|websocket
// POST /quotes goes to all: as server-sent events, or with npm ws to all that subscribed.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const [kind] = process.argv.slice(2);
const clients = new Set();
let id = 0;

function stream(response) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write('retry: 1000\n\n');
    clients.add(message => response.write(message));
}

async function publish(request, response) {
    const draft = JSON.parse(Buffer.concat(await request.toArray()));
    const quote = { id: ++id, ...draft, timestampMs: Date.now() };
    const text = JSON.stringify(quote);
    // The same for all, so it is made once.
    const message = Buffer.from(kind === 'sse' ? `id: ${id}\nevent: quote\ndata: ${text}\n\n`
        : `{"type":"quote","quote":${text}}`);
    for (const send of clients) send(message);
    response.writeHead(201, { 'Content-Type': 'application/json' }).end(text);
}

const server = createServer((request, response) =>
    request.method === 'POST' ? publish(request, response) : stream(response));

if (kind === 'websocket') {
    const sockets = new WebSocketServer({ server, perMessageDeflate: false });
    sockets.on('connection', socket => socket.on('message', data => {
        const { type } = JSON.parse(data);
        if (type === 'auth') socket.send('{"type":"welcome"}');
        if (type === 'ping') socket.send('{"type":"pong"}');
        if (type === 'subscribe')
            clients.add(message => socket.send(message, { binary: false }));
    }));
}
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () =>
    console.log(`listening on http://127.0.0.1:${server.address().port}`));
