// Signs one request with the package http-message-signatures of npm and prints the fields to
// send, as JSON.
//
// Arguments: directory of node_modules, algorithm, key file (PEM, or a secret), key id, method,
// URL, body file or "-", and then covered components.
//
// The package leaves the salt of RSASSA-PSS as long as it can be, where RFC 9421 §3.3.1 says 64
// bytes; "rsa-pss-sha512" is signed with 64, and "rsa-pss-sha512/longest" as the package does.
import { createHash, constants, createSign } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [modules, wanted, keyFile, keyId, method, url, body, ...fields] = process.argv.slice(2);
const { createSigner, httpbis } = createRequire(`${modules}/`)("http-message-signatures");

const [algorithm, longest] = wanted.split("/");
const secret = readFileSync(keyFile);
const key = createSigner(secret, algorithm, keyId);
if (algorithm === "rsa-pss-sha512" && !longest) {
  key.sign = async (data) =>
    createSign("sha512")
      .update(data)
      .sign({ key: secret, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 });
}
const headers = { "Content-Type": "text/plain" };
if (body !== "-") {
  const hash = createHash("sha512").update(readFileSync(body)).digest("base64");
  headers["Content-Digest"] = `sha-512=:${hash}:`;
}
const signed = await httpbis.signMessage(
  {
    key,
    fields,
    params: ["created", "expires", "keyid", "alg", "nonce", "tag"],
    paramValues: { nonce: "a nonce", tag: "e2e" },
  },
  { method, url, headers },
);
process.stdout.write(JSON.stringify(signed.headers));
