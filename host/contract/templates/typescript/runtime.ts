/** How a client reaches its server. */
export interface Options {
  /** Where the server is, without a slash at the end. */
  baseUrl?: string;
  /** Sent as `Authorization: Bearer TOKEN`. */
  token?: string;
  /** Milliseconds that one attempt may take; 10,000 unless set. */
  timeoutMs?: number;
  /** How often a call that may be repeated is tried again; 2 unless set. */
  retries?: number;
  /** What sends requests; the platform's own unless set. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** What one call may be given. */
export interface CallOptions {
  /** Cancels the call. */
  signal?: AbortSignal;
  /** Milliseconds that one attempt may take. */
  timeoutMs?: number;
}

/** The server answered with an error; `body` is what it said of it, where that could be read. */
export class ApiError<Body = unknown> extends Error {
  constructor(
    readonly status: number,
    readonly body: Body | undefined,
  ) {
    super(`the server answered ${status}`);
    this.name = "ApiError";
  }
}

/** The call ran and trapped: it did not return. */
export class TrapError<Trap = unknown> extends Error {
  constructor(readonly trap: Trap) {
    super("the call trapped");
    this.name = "TrapError";
  }
}

/** The call ran, and so many bytes of its results did not fit the device's answer. */
export class CutError extends Error {
  constructor(readonly missingBytes: number) {
    super(`${missingBytes} bytes of the results did not fit the answer`);
    this.name = "CutError";
  }
}

/** No answer came in time. Whether the call was done is not known. */
export class TimeoutError extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
    this.name = "TimeoutError";
  }
}

/** The caller cancelled the call. */
export class CancelledError extends Error {
  constructor() {
    super("the call was cancelled");
    this.name = "CancelledError";
  }
}

/** The server cannot be reached, or its answer cannot be read. */
export class NetworkError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message);
    this.name = "NetworkError";
    this.cause = options?.cause;
  }
  override readonly cause: unknown;
}

/** A request. */
export interface Request {
  method: string;
  path: string;
  query?: Record<string, unknown>;
  body?: unknown;
  /** Whether it may be repeated. */
  idempotent: boolean;
}

const TRANSIENT = [429, 502, 503, 504];

/** Sends requests and reads answers. */
export class Client {
  private readonly options: Options;

  constructor(options: Options, baseUrl: string) {
    this.options = { ...options, baseUrl: (options.baseUrl ?? baseUrl).replace(/\/+$/, "") };
  }

  /** Sends a request; one that may be repeated is tried again where the server is away or busy. */
  async call<T>(request: Request, options: CallOptions = {}): Promise<T> {
    const attempts = request.idempotent ? 1 + (this.options.retries ?? 2) : 1;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.once<T>(request, options);
      } catch (error) {
        const transient =
          error instanceof NetworkError ||
          error instanceof TimeoutError ||
          (error instanceof ApiError && TRANSIENT.includes(error.status));
        if (attempt >= attempts || !transient) throw error;
        await pause(100 * 2 ** (attempt - 1), options.signal);
      }
    }
  }

  /** Calls an export of a panel: its results, or its trap as an error. */
  async panel(request: Request, options: CallOptions = {}): Promise<unknown[]> {
    type Answer = { results: unknown[] | null; trap: unknown; missing_bytes?: number };
    const answer = await this.call<Answer>(request, options);
    if (answer.results === null || answer.results === undefined) throw new TrapError(answer.trap);
    if (answer.missing_bytes) throw new CutError(answer.missing_bytes);
    return answer.results;
  }

  private async once<T>(request: Request, options: CallOptions): Promise<T> {
    if (options.signal?.aborted) throw new CancelledError();
    const { baseUrl, token, fetch: own } = this.options;
    const timeoutMs = options.timeoutMs ?? this.options.timeoutMs ?? 10_000;
    const controller = new AbortController();
    const cancel = () => controller.abort();
    options.signal?.addEventListener("abort", cancel);
    const timer = setTimeout(cancel, timeoutMs);
    const query = Object.entries(request.query ?? {})
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(String(value))}`)
      .join("&");
    const headers: Record<string, string> = { Accept: "application/json" };
    if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
    if (request.body !== undefined) headers["Content-Type"] = "application/json";
    const init: RequestInit = { method: request.method, headers, signal: controller.signal };
    if (request.body !== undefined) init.body = stringify(request.body);
    try {
      const send = own ?? ((url: string, init: RequestInit) => globalThis.fetch(url, init));
      const response = await send(`${baseUrl}${request.path}${query && "?"}${query}`, init);
      const text = await response.text();
      if (!response.ok) throw new ApiError(response.status, read(text));
      return (text === "" ? undefined : parse(text)) as T;
    } catch (error) {
      if (error instanceof ApiError) throw error;
      if (options.signal?.aborted) throw new CancelledError();
      if (controller.signal.aborted) throw new TimeoutError(timeoutMs);
      throw new NetworkError("the server cannot be reached, or its answer cannot be read", { cause: error });
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", cancel);
    }
  }
}

/** A value of a path. */
export function segment(value: unknown): string {
  return encodeURIComponent(String(value));
}

/** A whole number of 64 bits. */
export function long(value: unknown): bigint {
  return typeof value === "bigint" ? value : BigInt(value as number | string);
}

/** A float; what JSON has no number for is a text. */
export function float(value: unknown): number {
  const texts: Record<string, number> = { inf: Infinity, "-inf": -Infinity, NaN };
  return typeof value === "string" ? (texts[value] ?? Number(value)) : (value as number);
}

/** Bytes as a panel takes them: 0x and two digits each. */
export function digits(value: Uint8Array): string {
  return Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).reduce((all, pair) => all + pair, "0x");
}

/** The bytes of 0x and two digits each. */
export function bytes(value: unknown): Uint8Array {
  if (typeof value !== "string" || !/^0x(?:[0-9a-fA-F]{2})*$/.test(value)) {
    throw new NetworkError("the answer has something else in the place of bytes");
  }
  return Uint8Array.from(value.slice(2).match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function read(text: string): undefined {
  try {
    return parse(text) as undefined;
  } catch {
    return undefined;
  }
}

/** Reads JSON; whole numbers beyond 2^53 keep their digits. */
export function parse(text: string): unknown {
  const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  const marked = text.replace(token, (found) => (/^-?\d{16,}$/.test(found) ? `{"$long":"${found}"}` : found));
  return JSON.parse(marked, (_, value) => {
    const digits = value !== null && typeof value === "object" ? value["$long"] : undefined;
    return typeof digits === "string" ? BigInt(digits) : value;
  });
}

/** Writes JSON; a bigint is written with its digits, and what JSON has no number for as text. */
export function stringify(value: unknown): string {
  const text = JSON.stringify(value, (_, of) => {
    if (typeof of === "bigint") return `\u0000${of}`;
    if (typeof of === "number" && !Number.isFinite(of)) return String(of).replace("Infinity", "inf");
    return of;
  });
  return text.replace(/"\\u0000(-?\d+)"/g, "$1");
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = () => {
      clearTimeout(timer);
      reject(new CancelledError());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", cancel);
      resolve();
    }, ms);
    signal?.addEventListener("abort", cancel, { once: true });
  });
}
