/** For `ref`: gives a heading the focus when it appears, so that a screen reader goes on from there. */
export const focus = (element: HTMLElement | null) => element?.focus();
