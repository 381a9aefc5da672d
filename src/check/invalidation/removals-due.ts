import { ahead, completed, type Dvm, type DvmRecord, readRecord, record } from '../../hardware/tlbi/dvm.ts';

/** Broadcast TLBIs that have completed, and that a CPU which has `applied` the log so far carries out before it uses its TLB again. */
export function removalsDue(dvm: Dvm, applied: number): DvmRecord[] | 'everything' {
  const end = completed(dvm);
  const due: DvmRecord[] = [];
  if (ahead(end, applied) > dvm.records) return 'everything';
  for (let at = applied; ahead(end, at) > 0; at = (at + 1) | 0) {
    const one = record();
    if (!readRecord(dvm, at, one)) return 'everything';
    due.push(one);
  }
  return due;
}
