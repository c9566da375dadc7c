// #region app
import { Suspense, useState, type ReactNode } from "react";
import { RelayEnvironmentProvider } from "react-relay";
import { createEnvironment, type Session } from "./environment";
import { Boundary } from "./Problem";

interface Props {
  session: Session;
  children: ReactNode;
}

function SignedIn({ session, children }: Props) {
  const [environment] = useState(() => createEnvironment(session));
  return (
    <RelayEnvironmentProvider environment={environment}>
      <Boundary>
        <Suspense fallback="Loading…">{children}</Suspense>
      </Boundary>
    </RelayEnvironmentProvider>
  );
}

/** With the key, everything begins anew when somebody else signs in. */
export function App({ session, children }: Props) {
  return (
    <SignedIn key={session.person} session={session}>
      {children}
    </SignedIn>
  );
}
// #endregion
