// npm eventsource: prints each quote's id and data as a line of JSON. Usage: eventsource.mjs URL
import { EventSource } from 'eventsource';

const print = value => console.log(JSON.stringify(value));
const source = new EventSource(process.argv[2]);
source.addEventListener('quote', event =>
    print({ id: event.lastEventId, quote: JSON.parse(event.data) }));
source.addEventListener('notice', event => print({ notice: event.data }));
source.addEventListener('reset', event => print({ reset: event.data }));
source.addEventListener('open', () => print({ open: true }));
// Whoever started it is gone.
process.stdin.on('end', () => process.exit()).resume();
