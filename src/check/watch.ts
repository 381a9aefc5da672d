import { nobody, type Observer } from '../hardware/observer.ts';
import type { Property, Watch } from './violation.ts';

/** One observer that tells every property what it asked to see, in the order of the list. */
export function observerOf(properties: readonly Property[], watch: Watch): Observer {
  const parts = properties.flatMap((property) => (property.observe === undefined ? [] : [property.observe(watch)]));
  const observer: Record<string, unknown> = { ...nobody };
  for (const name of Object.keys(nobody) as (keyof Observer)[]) {
    const interested = parts.flatMap((part) => {
      const handler = part[name];
      return handler === undefined ? [] : [handler as (...args: unknown[]) => void];
    });
    if (interested.length === 1) observer[name] = interested[0];
    else if (interested.length > 1)
      observer[name] = (...args: unknown[]) => {
        for (const handler of interested) handler(...args);
      };
  }
  return observer as unknown as Observer;
}
