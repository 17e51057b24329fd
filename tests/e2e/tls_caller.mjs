// Calls as programs do that use Node's https: twice each by one agent, which keeps sessions.
// Arguments and lines as tls_caller.py has them.
import { readFileSync } from "node:fs";
import https from "node:https";

const [directory, port] = process.argv.slice(2);
const read = (name) => readFileSync(`${directory}/${name}`);

function agentFor(version, certificate) {
  const shown = certificate === "-" ? {} : { cert: read(`${certificate}.pem`), key: read(`${certificate}.key`) };
  const versions = { minVersion: `TLSv${version}`, maxVersion: `TLSv${version}` };
  return new https.Agent({ ca: read("ca.pem"), ...versions, ...shown });
}

const call = (agent, host) =>
  new Promise((resolve) => {
    const where = { host: "127.0.0.1", port, servername: host, path: "/certified", timeout: 20000 };
    const request = https.get({ ...where, agent, headers: { Host: host } }, (answer) => {
      let body = "";
      answer.on("data", (piece) => (body += piece));
      answer.on("end", () => resolve(`answer ${answer.statusCode} ${body}`));
    });
    request.on("timeout", () => request.destroy(new Error("it hangs")));
    request.on("error", (why) => resolve(`refused ${String(why).replaceAll("\n", " ")}`));
  });

for (const line of readFileSync(0, "utf8").trim().split("\n")) {
  const [host, version, certificate] = line.split(" ");
  const agent = agentFor(version, certificate);
  console.log(await call(agent, host));
  console.log(await call(agent, host));
}
