import type { Board } from '../../hardware/board/board.ts';
import { cpuSupportsBbml2Noabort } from '../../kernel/boot/cpufeature.ts';
import type { Revision } from '../../kernel/config.ts';
import type { CpuGroup } from './chart-events.ts';

/** What is known of a CPU before it has power. */
export interface ChartCpu {
  readonly cpu: number;
  readonly isBootCpu: boolean;
  /** It is powered on only after the system's capabilities are final. */
  readonly isLate: boolean;
  /** It has BBML2_NOABORT. */
  readonly qualifies: boolean;
}

/** A board as its charts see it. */
export interface ChartBoard {
  readonly cpus: readonly ChartCpu[];
  /** Logical CPU ids; each CPU is in one group. */
  readonly groups: Readonly<Record<CpuGroup, readonly number[]>>;
}

export function chartBoard({ cpus, lateCpus }: Pick<Board, 'cpus' | 'lateCpus'>, kernel: Revision): ChartBoard {
  return {
    cpus: cpus.map((model, cpu) => ({
      cpu,
      isBootCpu: cpu === 0,
      isLate: lateCpus.includes(cpu),
      qualifies: cpuSupportsBbml2Noabort(model, kernel),
    })),
    groups: {
      boot: [0],
      early: [...cpus.keys()].filter((cpu) => cpu !== 0 && !lateCpus.includes(cpu)),
      late: lateCpus,
    },
  };
}
