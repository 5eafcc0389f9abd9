// What `jbang streams` compares the gRPC labs' servers with, in plain grpc-js: each rpc of the
// streams as simple as its flow control allows.
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const proto = fileURLToPath(new URL('../../../proto/market.proto', import.meta.url));
const definition = loadSync(proto,
    { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true });
const { MarketData } = grpc.loadPackageDefinition(definition).market.v1;
const log = [];
const readers = new Set();
const booked = new Set();

function publishQuote({ request }, answer) {
    const quote = { ...request, id: log.length + 1, timestamp_ms: Date.now() };
    log.push(quote);
    for (const reader of readers) reader();
    answer(null, quote);
}

function subscribeQuotes(call) {
    const { symbols, after_id: after } = call.request;
    let next = after;
    let full = false;
    const send = () => {
        while (!full && next < log.length) {
            const quote = log[next++];
            if (symbols.includes(quote.symbol)) full = !call.write(quote);
        }
    };
    call.on('drain', () => {
        full = false;
        send();
    });
    call.on('cancelled', () => readers.delete(send));
    readers.add(send);
    send();
}

function uploadTrades(call, answer) {
    const trades = new Map();
    call.on('data', trade => trades.set(trade.client_trade_id, trade));
    call.on('end', () => {
        const fresh = [...trades.values()].filter(trade => !booked.has(trade.client_trade_id));
        for (const trade of fresh) booked.add(trade.client_trade_id);
        const notional = fresh.reduce((sum, trade) => sum + trade.quantity * trade.price, 0);
        answer(null, { accepted: fresh.length, duplicates: trades.size - fresh.length, notional });
    });
}

function tradeStream(call) {
    call.on('data', ({ order_id, quantity }) => {
        const { id, ask } = log.at(-1);
        call.write({ accepted: { order_id } });
        call.write({ filled: { order_id, quantity, price: ask, quote_id: id } });
    });
    call.on('end', () => call.end());
}

const server = new grpc.Server();
server.addService(MarketData.service, { publishQuote, subscribeQuotes, uploadTrades, tradeStream });
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    console.log(`listening on http://127.0.0.1:${port}`);
});
