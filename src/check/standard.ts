import { bbm } from './break-before-make/bbm.ts';
import { bothSizesCached, staleUse } from './danger.ts';
import { conflict } from './invalidation/conflict.ts';
import { endless } from './invalidation/endless.ts';
import { stale } from './invalidation/stale.ts';
import { leak } from './lifetime/leak.ts';
import { tableLifetime } from './lifetime/table-lifetime.ts';
import { context } from './locking/context.ts';
import { lockOrder } from './locking/lock-order.ts';
import { contiguous } from './map/contiguous.ts';
import { dirty } from './map/dirty.ts';
import { linearMap } from './map/linear-map.ts';
import { promise } from './map/promise.ts';
import { spuriousFault } from './map/spurious-fault.ts';
import { userMap } from './map/user-map.ts';
import { warned } from './map/warn.ts';
import { writeXorExecute } from './map/write-xor-execute.ts';
import type { Property } from './violation.ts';

/** The properties every scenario is held to. `chart`, `deadlock`, `livelock`, and `hung` but for one loop, are judged by whoever drives the CPUs. */
export const standardProperties: readonly Property[] = [
  bbm,
  conflict,
  stale,
  spuriousFault,
  tableLifetime,
  warned,
  promise,
  linearMap,
  userMap,
  writeXorExecute,
  contiguous,
  dirty,
  leak,
  context,
  lockOrder,
  endless,
  bothSizesCached,
  staleUse,
];
