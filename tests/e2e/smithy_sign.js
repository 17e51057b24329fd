// Signs one request with the signers of AWS's SDK for JavaScript and prints what to send, as
// JSON: {"target": …, "headers": [[name, value], …]}. Arguments as awscrt_sign.py has them; it is
// to be run where the packages are. SigV4a has no URLs here.
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const { resolve } = require("node:path");

const load = createRequire(resolve("package.json"));
const { Sha256 } = load("@aws-crypto/sha256-js");
const { SignatureV4 } = load("@smithy/signature-v4");
const { SignatureV4a } = load("@aws-sdk/signature-v4a");

const [scheme, carrier, profile, method, url, id, secret, region, service, payload, body, ...headers] =
  process.argv.slice(2);
const { protocol, hostname, port, host, pathname, searchParams } = new URL(url);
const query = {};
for (const [name, value] of searchParams) {
  query[name] = name in query ? [].concat(query[name], value) : value;
}
const split = (text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)];
const request = {
  method,
  protocol,
  hostname,
  port: Number(port),
  path: pathname,
  query,
  headers: Object.fromEntries([["host", host], ...headers.map(split)]),
  body: body === "-" ? undefined : readFileSync(body),
};
const isWord = !["body", "told"].includes(payload);
if (isWord) request.headers["x-amz-content-sha256"] = payload;
const Signer = { sigv4: SignatureV4, sigv4a: SignatureV4a }[scheme];
const signer = new Signer({
  credentials: { accessKeyId: id, secretAccessKey: secret },
  region,
  service,
  sha256: Sha256,
  applyChecksum: payload !== "body",
  uriEscapePath: profile === "aws",
});

// As the SDK writes a query (RFC 3986, with the sub-delimiters encoded).
const escape = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());
const write = ({ path, query }) => {
  const pieces = Object.entries(query).flatMap(([name, value]) =>
    [].concat(value).map((one) => `${escape(name)}=${escape(one)}`));
  return pieces.length ? `${path}?${pieces.join("&")}` : path;
};
const signing = carrier === "url" ? signer.presign(request, { expiresIn: 60 }) : signer.sign(request);
signing.then((signed) => {
  const told = { target: write(signed), headers: Object.entries(signed.headers) };
  process.stdout.write(JSON.stringify(told));
});
