/** A source of chance that gives the same for the same seed (mulberry32). */
export class Random {
  private state: number;

  /** Of neighboring seeds, the numbers are far apart, so that their runs have nothing in common. */
  constructor(seed: number, index: number) {
    this.state = (Math.imul(seed ^ (seed >>> 16), 0x45d9f3b) + Math.imul(index, 0x9e3779b1)) | 0;
  }

  /** From 0 up to 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** From 0 up to n - 1. */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new Error("nothing to pick from");
    return choice;
  }
}
