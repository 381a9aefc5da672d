import { bbm } from './bbm.ts';
import { conflict } from './conflict.ts';
import { context } from './context.ts';
import { contiguous } from './contiguous.ts';
import { bothSizesCached, staleUse } from './danger.ts';
import { dirty } from './dirty.ts';
import { endless } from './endless.ts';
import { leak } from './leak.ts';
import { linearMap } from './linear-map.ts';
import { lockOrder } from './lock-order.ts';
import { promise } from './promise.ts';
import { spuriousFault } from './spurious-fault.ts';
import { stale } from './stale.ts';
import { tableLifetime } from './table-lifetime.ts';
import { userMap } from './user-map.ts';
import type { Property } from './violation.ts';
import { warned } from './warn.ts';
import { writeXorExecute } from './write-xor-execute.ts';

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
