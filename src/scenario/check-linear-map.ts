import { RIGHT_EL1_READ, RIGHT_EL1_WRITE } from '../arch/permission.ts';
import { readPages } from '../hardware/burst.ts';
import { LEAVES_CHECKED } from '../hardware/counters.ts';
import type { Cpu } from '../hardware/cpu.ts';
import { CPU_PROGRESS } from '../hardware/dvm.ts';
import { load } from '../hardware/instructions.ts';
import type { Op } from '../hardware/op.ts';
import { physToVirt } from '../kernel/address-space.ts';
import { type Kernel, mark } from '../kernel/kernel.ts';
import { without } from '../kernel/linear-map.ts';

/** Pages between two points: a burst is one step to everybody else. */
const BURST_PAGES = 4096;
/** Past this many accesses in all, the CPUs share the pages among them. */
const SHARED_PAST = 64 * 2 ** 20;

/** Reads every page of the linear map through this CPU's own TLB: each must translate to its own frame, writable but for the kernel's text. */
export function* checkLinearMap(cpu: Cpu, k: Kernel): Op {
  mark(cpu, 'work.started');
  for (const piece of pieces(k, cpu)) yield* checkPiece(cpu, k, piece);
  mark(cpu, 'work.finished');
}

interface Piece {
  readonly pa: number;
  readonly pages: number;
  readonly right: number;
}

/** This CPU's part of RAM: all of it, or on large boards one share. */
export function pieces(k: Kernel, cpu: Pick<Cpu, 'id'>): Piece[] {
  const { space } = k;
  const { pageBytes } = space.granule;
  const whole: Piece[] = k.board.memory.flatMap(({ base, bytes }) => {
    const end = base + bytes;
    const writable = without(base, end, space.text, space.initBegin).map(([from, to]) => piece(from, to, RIGHT_EL1_WRITE));
    const from = Math.max(base, space.text);
    const to = Math.min(end, space.initBegin);
    return from < to ? [...writable, piece(from, to, RIGHT_EL1_READ)] : writable;
  });
  function piece(from: number, to: number, right: number): Piece {
    return { pa: from, pages: Math.floor((to - from) / pageBytes), right };
  }
  const cpus = k.board.cpus.length;
  const total = whole.reduce((sum, { pages }) => sum + pages, 0);
  if (total * cpus <= SHARED_PAST) return whole;
  return share(whole, Math.floor((total * cpu.id) / cpus), Math.floor((total * (cpu.id + 1)) / cpus), pageBytes);
}

/** Pages `from` to `to` of the pieces laid end to end. */
function share(whole: readonly Piece[], from: number, to: number, pageBytes: number): Piece[] {
  const part: Piece[] = [];
  let at = 0;
  for (const { pa, pages, right } of whole) {
    const first = Math.max(from - at, 0);
    const last = Math.min(to - at, pages);
    if (first < last) part.push({ pa: pa + first * pageBytes, pages: last - first, right });
    at += pages;
  }
  return part;
}

function* checkPiece(cpu: Cpu, k: Kernel, { pa, pages, right }: Piece): Op {
  const { pageBytes } = k.space.granule;
  for (let done = 0; done < pages; done += BURST_PAGES) {
    const count = Math.min(BURST_PAGES, pages - done);
    const from = pa + done * pageBytes;
    const va = physToVirt(k.space, from);
    yield* load(cpu, va); // a point: interrupts, noise, other CPUs
    const result = readPages(cpu, va, from, count, right);
    cpu.counts[LEAVES_CHECKED]! += result.done;
    cpu.words[CPU_PROGRESS]!++;
    if (!result.ok) {
      cpu.observer.promiseBroken(cpu, va + result.done * pageBytes, from + result.done * pageBytes, result.pa);
      return;
    }
  }
}
