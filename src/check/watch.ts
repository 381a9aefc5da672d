import { nobody, type Observer } from '../hardware/observer.ts';
import type { Property, Watch } from './violation.ts';

/** One observer that tells every property what it asked to see, in the order of the list. */
export function observerOf(properties: readonly Property[], watch: Watch): Observer {
  const parts = properties.flatMap((property) => (property.observe === undefined ? [] : [property.observe(watch)]));
  const observer: Record<string, unknown> = { ...nobody };
  for (const name of Object.keys(nobody) as (keyof Observer)[]) {
    const interested = parts.flatMap((part) => {
      const handler = part[name];
      return handler === undefined ? [] : [handler as Handler];
    });
    if (interested.length > 0) observer[name] = interested.reduce(inTurn);
  }
  return observer as unknown as Observer;
}

type Handler = (...args: unknown[]) => void;

/** Nothing that an observer is told has more than six parts; to gather them in a list would cost more than most handlers do. */
function inTurn(first: Handler, second: Handler): Handler {
  return (a, b, c, d, e, f) => {
    first(a, b, c, d, e, f);
    second(a, b, c, d, e, f);
  };
}
