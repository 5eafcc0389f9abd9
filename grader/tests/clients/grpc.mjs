// npm @grpc/grpc-js with @grpc/proto-loader. Usage: grpc.mjs HOST:PORT METHOD [DEADLINE_MS]
// Each line of stdin is a message to send, as JSON, or `end` (half-close), or `cancel`.
// Prints {"message":…} for each one that comes, and {"status":code,"details":…} at the end.
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const [target, method, deadline] = process.argv.slice(2);
const print = value => console.log(JSON.stringify(value));
const proto = fileURLToPath(new URL('../../../proto/market.proto', import.meta.url));
// Ids and counts are below 2^53 here.
const definition = loadSync(proto, { keepCase: true, longs: Number, enums: String, oneofs: true });
const { MarketData } = grpc.loadPackageDefinition(definition).market.v1;
const client = new MarketData(target, grpc.credentials.createInsecure());
const options = deadline ? { deadline: Date.now() + Number(deadline) } : {};
const { requestStream, responseStream } = MarketData.service[method];

let call;
// grpc-js begins a call with one request when it has that request, any other at once.
const begin = request => {
    const answered = (error, message) => { if (message) print({ message }); };
    const parameters = [request, options, responseStream ? undefined : answered];
    call = client[method](...parameters.filter(value => value !== undefined));
    call.on('data', message => print({ message }));
    call.on('status', ({ code, details }) => print({ status: code, details }));
    // The status tells it.
    call.on('error', () => {});
};
if (requestStream) begin();

createInterface({ input: process.stdin })
    .on('line', line => {
        if (line === 'cancel') call.cancel();
        else if (line === 'end') call.end();
        else if (requestStream) call.write(JSON.parse(line));
        else begin(JSON.parse(line));
    })
    // Whoever started it is gone.
    .on('close', () => process.exit());
