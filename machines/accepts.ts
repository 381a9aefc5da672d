import type { AnyMachineSnapshot, EventObject } from 'xstate';

/**
 * Does the chart, where it stands now, accept this event? It does if one of its regions has a transition for it whose
 * guard holds and which leads somewhere or does something: a transition without target and actions forbids its event.
 * What a chart takes note of and otherwise ignores, it gives an action. A chart that has ended accepts nothing.
 */
export function accepts<E extends EventObject>(snapshot: Accepting<E>, event: E): boolean {
  return snapshot.status === 'active' && snapshot.can(event);
}

/** The part of a machine's snapshot that is asked. */
export interface Accepting<E extends EventObject> {
  readonly status: AnyMachineSnapshot['status'];
  can(event: E): boolean;
}
