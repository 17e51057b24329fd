// Verifies one request with the package http-message-signatures of npm; fails when it is wrong.
//
// Arguments: directory of node_modules, algorithm, key file (PEM, or a secret), method, URL, body
// file or "-" (which the package does not look at), and the fields as JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [modules, algorithm, keyFile, method, url, , fields] = process.argv.slice(2);
const { createVerifier, httpbis } = createRequire(`${modules}/`)("http-message-signatures");

const verify = createVerifier(readFileSync(keyFile), algorithm);
const right = await httpbis.verifyMessage(
  { keyLookup: async () => ({ algs: [algorithm], verify }), tolerance: 60 },
  { method, url, headers: JSON.parse(fields) },
);
if (right !== true) throw new Error("the signature is wrong");
