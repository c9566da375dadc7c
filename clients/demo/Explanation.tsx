import { actions, problem, type Action } from "../errors";
import { useEffect, useState } from "react";
import type { CombinedError } from "urql";
import type { List } from "./operations";

/** What a person is told, in place of a message that is for developers. */
const advice: Record<Action, string> = {
  "sign in": "Your sign-in is not accepted. Please sign in again.",
  "say no": "This is not permitted.",
  correct: "Please correct your input.",
  reload: "This no longer exists, or belongs to another system and cannot be changed here.",
  "try again": "Please try again.",
  "look first": "It is not known whether this was done. Look at what is there now before you try again.",
  report: "This is a fault of the app.",
};

interface Props {
  error: CombinedError | undefined;
  /** What was to be done, such as "Deleting Chess". */
  what?: string;
  retry?: () => void;
  /** Reads again what is out of date. */
  reload?: () => void;
  signIn?: () => void;
}

/** Explains an error, and offers what can be done about it. */
export function Explanation({ error, what, retry, reload, signIn }: Props) {
  if (!error) return null;
  const first = error.graphQLErrors[0];
  const { action, code, message, retryAfter } = problem(first);
  const source = first?.extensions["source"];
  return (
    <div className="explanation">
      <p role="alert">
        {what && `${what}: `}
        <strong>
          {what && action === "try again" && "Nothing was changed. "}
          {advice[action]}
        </strong> {typeof source === "string" && `Source: ${source}. `}
        <code>{code ?? "no answer"}</code> <span className="message">{message}</span>
      </p>
      {action === "sign in" && signIn && <button onClick={signIn}>Sign in again</button>}
      {["reload", "look first"].includes(action) && reload && <button onClick={reload}>Read again</button>}
      {["try again", "report"].includes(action) && retry && <TryAgain key={retryAfter} after={retryAfter ?? 0} retry={retry} />}
    </div>
  );
}

/** Explains why a list is not complete, and offers to read it again if that may help. */
export function Missing({ from, retry }: { from: List["failedSources"]; retry: () => void }) {
  if (from.length === 0) return null;
  const actionOf = (code: string): Action => actions[code] ?? "report";
  return (
    <div className="explanation">
      {from.map(({ source, code, message }) => (
        <p role="alert" key={source.name}>
          What the source “{source.name}” has is missing here. <strong>{advice[actionOf(code)]}</strong> <code>{code}</code>{" "}
          <span className="message">{message}</span>
        </p>
      ))}
      {from.some(({ code }) => actionOf(code) === "try again") && <TryAgain retry={retry} />}
    </div>
  );
}

/** A button that cannot be pressed earlier than the source wants it. */
function TryAgain({ after = 0, retry }: { after?: number; retry: () => void }) {
  const [wait, setWait] = useState(Math.ceil(after));
  useEffect(() => {
    if (wait <= 0) return;
    const timer = setTimeout(() => setWait(wait - 1), 1000);
    return () => clearTimeout(timer);
  }, [wait]);
  return (
    <button disabled={wait > 0} onClick={retry}>
      {wait > 0 ? `Try again in ${wait} s` : "Try again"}
    </button>
  );
}
