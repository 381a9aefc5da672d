import type { Property } from './violation.ts';

/** Proof that runs were dangerous: without these a good verdict says little. */

export const bothSizesCached: Property = {
  name: 'both-sizes-cached',
  says: 'some TLB held two entries of different sizes for one address',
  mood: 'sometimes',
  seen: (counts) => counts.bothSizesCached > 0,
};

export const staleUse: Property = {
  name: 'stale-use-before-completion',
  says: 'some CPU used an old translation after its TLBI was issued and before it completed',
  mood: 'sometimes',
  seen: (counts) => counts.staleUses > 0,
};
