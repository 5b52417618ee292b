import { ApiError, type Options, parse } from "./runtime.js";

/** What happened to the device: `device` (everything that is known) first, then `levels`, `event`, ... */
export interface News {
  kind: string;
  data: unknown;
}

/** `connecting` also where a connection was lost; `refused` where another try would be refused, too. */
export type SessionState = "connecting" | "open" | "refused";

/** What is called while a session goes on; nothing is after it was closed. */
export interface SessionHandlers {
  onNews?: (news: News) => void;
  onState?: (state: SessionState, error?: unknown) => void;
}

const FIRST_REST_MS = 200;
const LONGEST_REST_MS = 15_000;
/** The server sends something every 10 s. */
const SILENCE_MS = 30_000;

/** A connection to a panel: while it is open, the device holds the exports that this client was made for. */
export class Session {
  private readonly controller = new AbortController();
  /** Settles when the session is over. */
  readonly ended: Promise<void>;

  constructor(
    private readonly options: Options,
    private readonly url: string,
    private readonly handlers: SessionHandlers,
  ) {
    this.ended = this.run();
  }

  /** Ends it: the device gives back what it held for this client. */
  close(): void {
    this.controller.abort();
  }

  private to(state: SessionState, error?: unknown): void {
    if (!this.controller.signal.aborted) this.handlers.onState?.(state, error);
  }

  private async run(): Promise<void> {
    const { signal } = this.controller;
    let rest = FIRST_REST_MS;
    // Who began it has its value before the first word.
    await Promise.resolve();
    while (!signal.aborted) {
      this.to("connecting");
      try {
        await this.stream(() => (rest = FIRST_REST_MS));
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError && error.status < 500 && error.status !== 429) {
          this.to("refused", error);
          return;
        }
      }
      await sleep(rest, signal);
      rest = Math.min(rest * 2, LONGEST_REST_MS);
    }
  }

  private async stream(opened: () => void): Promise<void> {
    const { signal } = this.controller;
    // A handler may have closed it, and a signal says only once that it is aborted.
    if (signal.aborted) return;
    const attempt = new AbortController();
    const abort = () => attempt.abort();
    signal.addEventListener("abort", abort);
    let timer = setTimeout(abort, SILENCE_MS);
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (this.options.token !== undefined) headers["Authorization"] = `Bearer ${this.options.token}`;
      const send = this.options.fetch ?? ((url: string, init: RequestInit) => globalThis.fetch(url, init));
      const response = await send(this.url, { headers, signal: attempt.signal });
      if (!response.ok) throw new ApiError(response.status, json(await response.text()));
      if (response.body === null) return;
      opened();
      this.to("open");
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(abort, SILENCE_MS);
        text += decoder.decode(value, { stream: true });
        const events = text.split("\n\n");
        text = events.pop() ?? "";
        for (const event of events) this.news(event);
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      attempt.abort();
    }
  }

  private news(event: string): void {
    let kind = "";
    let data = "";
    for (const line of event.split("\n")) {
      if (line.startsWith("event: ")) kind = line.slice(7);
      if (line.startsWith("data: ")) data = line.slice(6);
    }
    if (data === "" || this.controller.signal.aborted) return;
    const value = parse(data) as { device?: unknown; data?: unknown };
    this.handlers.onNews?.({ kind, data: kind === "device" || kind === "lost" ? value : value.data });
  }
}

function json(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
