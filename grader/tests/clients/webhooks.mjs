// npm standardwebhooks. Usage:
//   webhooks.mjs receive SECRET     serves, prints its port, then each message that it verified
//   webhooks.mjs send SECRET URL    signs each line of stdin, posts it, prints the status
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Webhook } from 'standardwebhooks';

const [command, secret, url] = process.argv.slice(2);
const print = value => console.log(JSON.stringify(value));
const webhook = new Webhook(secret);

function verified(body, headers) {
    try {
        return { id: headers['webhook-id'], message: webhook.verify(body, headers) };
    } catch (error) {
        return { refused: error.message };
    }
}

function receive() {
    const server = createServer(async (request, response) => {
        const body = Buffer.concat(await request.toArray()).toString();
        const result = verified(body, request.headers);
        // The first try fails, so that there is a retry to verify too.
        response.writeHead(result.refused || seen++ === 0 ? 500 : 204).end();
        print(result);
    });
    let seen = 0;
    server.listen(0, '127.0.0.1', () => print({ port: server.address().port }));
    // Whoever started it is gone.
    process.stdin.on('end', () => process.exit()).resume();
}

async function send(line) {
    const { id, body } = JSON.parse(line);
    const time = new Date();
    const answer = await fetch(url, {
        method: 'POST',
        body,
        headers: {
            'Content-Type': 'application/json',
            'webhook-id': id,
            'webhook-timestamp': String(Math.floor(time.getTime() / 1000)),
            'webhook-signature': webhook.sign(id, time, body),
        },
    });
    print({ status: answer.status });
}

if (command === 'receive') receive();
else {
    for await (const line of createInterface({ input: process.stdin })) await send(line);
    process.exit();
}
