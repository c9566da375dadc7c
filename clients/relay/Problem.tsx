import { Component, type ReactNode } from "react";
import { words } from "./errors";

export function Problem({ error }: { error: Error | undefined }) {
  return error && <p role="alert">{words(error)}</p>;
}

/** Shows what an operation below it has failed with. */
export class Boundary extends Component<{ children: ReactNode }, { error?: Error }> {
  override state: { error?: Error } = {};

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    return this.state.error ? <Problem error={this.state.error} /> : this.props.children;
  }
}
