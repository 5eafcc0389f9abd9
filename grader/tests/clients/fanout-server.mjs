// What the labs' servers are compared with by `jbang fanout`. Usage: fanout-server.mjs sse|websocket
// POST /quotes goes to all: as server-sent events, or with npm ws to all that sent any message.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const clients = new Set();
let id = 0;

function stream(response) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write('retry: 1000\n\n');
    clients.add(text => response.write(`id: ${id}\nevent: quote\ndata: ${text}\n\n`));
}

async function publish(request, response) {
    const draft = JSON.parse(Buffer.concat(await request.toArray()));
    const quote = { id: ++id, ...draft, timestampMs: Date.now() };
    for (const send of clients) send(JSON.stringify(quote));
    response.writeHead(201, { 'Content-Type': 'application/json' }).end(JSON.stringify(quote));
}

const server = createServer((request, response) =>
    request.method === 'POST' ? publish(request, response) : stream(response));

if (process.argv[2] === 'websocket') {
    const sockets = new WebSocketServer({ server, perMessageDeflate: false });
    sockets.on('connection', socket => socket.on('message', data => {
        const { type } = JSON.parse(data);
        if (type === 'auth') socket.send('{"type":"welcome"}');
        if (type === 'ping') socket.send('{"type":"pong"}');
        if (type === 'subscribe')
            clients.add(text => socket.send(`{"type":"quote","quote":${text}}`));
    }));
}
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () =>
    console.log(`listening on http://127.0.0.1:${server.address().port}`));
