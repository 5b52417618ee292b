import { useEffect, useMemo, useRef, useState } from "react";

import { PANEL, connect, type Options, type SessionHandlers, type SessionState } from "./index.js";

/** A panel as a component has it. */
export interface Connected {
  panel: PANEL;
  state: SessionState;
  /** Why it is refused. */
  error: unknown;
}

/**
 * Connects when the component is mounted, subscribes to what happens, and gives everything back when it is
 * unmounted. It connects anew where the address or the token is another one.
 */
export function usePanel(options: Options, handlers: SessionHandlers = {}): Connected {
  const { baseUrl, token } = options;
  const latest = useRef({ options, handlers });
  latest.current = { options, handlers };
  const panel = useMemo(() => new PANEL(latest.current.options), [baseUrl, token]);
  const [seen, setSeen] = useState<{ state: SessionState; error: unknown }>({ state: "connecting", error: undefined });
  useEffect(() => {
    const session = connect(latest.current.options, {
      onNews: (news) => latest.current.handlers.onNews?.(news),
      onState: (state, error) => {
        setSeen({ state, error });
        latest.current.handlers.onState?.(state, error);
      },
    });
    return () => session.close();
  }, [baseUrl, token]);
  return { panel, ...seen };
}
