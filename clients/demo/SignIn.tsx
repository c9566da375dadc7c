import { useState } from "react";
import { focus } from "./focus";

export interface Person {
  name: string;
  token: string;
}

/** The people of the sandboxes. Their bearer tokens are their user principal names. */
const people: Person[] = [
  { name: "Ada Lindqvist", token: "ada@example.com" },
  { name: "佐藤 ゆき", token: "yuki@example.com" },
];

/** An app gets the token from an identity provider, and keeps it in memory as this one does. */
export function SignIn({ onSignIn }: { onSignIn: (person: Person) => void }) {
  const [token, setToken] = useState("");
  return (
    <main className="sign-in">
      <h1 ref={focus} tabIndex={-1}>Whose profile?</h1>
      <p>
        This page reads and edits a profile through ProfileQL, and shows the REST requests that each click becomes. The people
        are made up.
      </p>
      <ul>
        {people.map((person) => (
          <li key={person.token}>
            <button className="person" onClick={() => onSignIn(person)}>
              <span aria-hidden="true" className="face">{person.name.charAt(0)}</span>
              <span>
                <strong>{person.name}</strong>
                <small>{person.token}</small>
              </span>
            </button>
          </li>
        ))}
      </ul>
      <details>
        <summary>Another bearer token</summary>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            const own = token.trim().replace(/^bearer\s+/i, "");
            if (own) onSignIn({ name: "My profile", token: own });
          }}
        >
          <label htmlFor="token">Token, for sources other than the sandboxes. It is kept in memory until you leave the page.</label>
          {/* Not a password field: browsers offer to store what is typed into those. */}
          <input id="token" autoComplete="off" spellCheck={false} value={token} onChange={(event) => setToken(event.target.value)} />
          <button>Sign in</button>
        </form>
      </details>
    </main>
  );
}
