// Answers every request on PORT; GET /crash ends it at once; LATE_MS delays its health.
import { createServer } from 'node:http';

const born = Date.now();
createServer((request, response) => {
  if (request.url === '/crash') process.exit(3);
  const late = Date.now() - born < Number(process.env['LATE_MS'] ?? 0);
  response.writeHead(late ? 503 : 200).end(String(process.pid));
}).listen(Number(process.env['PORT']), '127.0.0.1');
