// A screen of the stairwell in React: a switch for the lamp, and whether the panel is there.
import { useState } from "react";

import type { News, Options } from "stairwell";
import { usePanel } from "stairwell/react";

export function Stairs({ options }: { options: Options }) {
  const [lit, setLit] = useState(false);
  const onNews = ({ kind, data }: News) => {
    if (kind === "levels") setLit(((data as { banks: number[] }).banks[0]! & (1 << 17)) !== 0);
  };
  const { panel, state } = usePanel(options, { onNews });
  return (
    <label>
      Stairs ({state})
      <input
        type="checkbox"
        checked={lit}
        disabled={state !== "open"}
        onChange={(event) => void (event.target.checked ? panel.lampOn() : panel.lampOff())}
      />
    </label>
  );
}
