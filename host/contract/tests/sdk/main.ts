import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { ApiError, CancelledError, Logger, NetworkError, TimeoutError, type Level, type Problem } from "../src/index.js";

/** A server of this test. */
async function serving(answer: (method: string, url: string, body: string, count: number) => { status: number; body: string } | undefined) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (data) => (body += data));
    request.on("end", () => {
      asked.push(`${request.method} ${request.url} ${request.headers.authorization} ${body}`);
      const said = answer(request.method!, request.url!, body, asked.length);
      if (said === undefined) return;
      response.writeHead(said.status, { "Content-Type": "application/json" }).end(said.body);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address() as { port: number };
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { asked, close, logger: new Logger({ baseUrl: `http://127.0.0.1:${address.port}`, token: "t" }) };
}

test("Logger.log sends level and message", async () => {
  const { asked, close, logger } = await serving(() => ({ status: 202, body: '{"id":"a","sequence":9007199254740993,"newer":{"x":1}}' }));
  const receipt = await logger.log({ level: "info", message: "h\u00e9 \"x\"" });
  assert.equal(receipt.sequence, 9007199254740993n, "a whole number of 64 bits keeps its digits");
  assert.deepEqual(asked, ['POST /v1/log Bearer t {"level":"info","message":"h\u00e9 \\"x\\""}']);
  close();
});

test("values and fields of a newer server do not break a client", async () => {
  const { close, logger, asked } = await serving(() => ({ status: 200, body: '{"level":"fatal","message":"m","more":[1]}' }));
  const entry = await logger.getLog({ id: "a/b ?", minLevel: "warn" });
  const level: Level = entry.level;
  assert.equal(level, "fatal");
  assert.ok(asked[0]!.startsWith("GET /v1/log/a%2Fb%20%3F?min-level=warn "));
  close();
});

test("errors are typed, and only what may be repeated is", async () => {
  const { close, logger, asked } = await serving((method) =>
    method === "POST"
      ? { status: 429, body: '{"code":"too_many","detail":"slower","retry_after_s":2}' }
      : { status: 503, body: "<html>" },
  );
  await assert.rejects(logger.log({ level: "warn", message: "" }), (error: ApiError<Problem>) => {
    assert.equal(error.status, 429);
    assert.equal(error.body?.code, "too_many");
    assert.equal(error.body?.retry_after_s, 2);
    return true;
  });
  assert.equal(asked.length, 1);
  await assert.rejects(logger.getLog({ id: "1" }), (error: ApiError) => error.status === 503 && error.body === undefined);
  assert.equal(asked.length, 4, "a GET is tried three times");
  close();
});

test("a call ends in time, and when it is cancelled", async () => {
  const { close, logger } = await serving(() => undefined);
  await assert.rejects(logger.log({ level: "info", message: "" }, { timeoutMs: 50 }), TimeoutError);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  await assert.rejects(logger.getLog({ id: "1" }, { signal: controller.signal }), CancelledError);
  close();
  await assert.rejects(new Logger({ baseUrl: "http://127.0.0.1:1" }).log({ level: "info", message: "" }), NetworkError);
});
