// Relays a GET to the private server in BACKEND on a kept connection, and its answer back.
const http = require('http');

const agent = new http.Agent({ keepAlive: true });

exports.handler = (event) => new Promise((resolve, reject) => {
  http.get(process.env.BACKEND + event.path, { agent }, (response) => {
    const chunks = [];
    response.on('data', (chunk) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => resolve({
      statusCode: response.statusCode,
      headers: { 'content-type': response.headers['content-type'] },
      body: Buffer.concat(chunks).toString(),
    }));
  }).on('error', reject);
});
