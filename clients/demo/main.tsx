// A profile page over ProfileQL, with urql as docs/frontend/urql.md sets it up. Nothing is kept in the browser's storage.
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { Session } from "./Session";
import { SignIn, type Person } from "./SignIn";

function Demo() {
  const [person, setPerson] = useState<Person>();
  if (!person) return <SignIn onSignIn={setPerson} />;
  // Whoever signs in has a session of their own, with an empty cache: the ids of `me` are the same for all.
  return <Session person={person} onSignOut={() => setPerson(undefined)} />;
}

createRoot(document.getElementById("demo")!).render(
  <StrictMode>
    <Demo />
  </StrictMode>,
);
