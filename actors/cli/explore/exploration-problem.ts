import { CheckpointProblem, PROGRAMS_CHANGED } from '../../campaign/checkpoint-file.ts';
import { scenarioProblem } from '../configuration/scenario-problem.ts';
import { usageError } from '../usage-error.ts';
import type { Explored } from './explore-configuration.ts';

/** What an exploration threw, as the user's mistake if it was one. */
export function explorationProblem({ reference }: Explored, thrown: unknown): unknown {
  if (thrown instanceof Error && /while the system is brought up$/.test(thrown.message))
    return usageError(`${reference.name}: ${thrown.message}; runs cannot begin there, --from power-on is for this`);
  if (isCheckpointProblem(thrown)) return usageError(thrown.message);
  return scenarioProblem(reference, thrown);
}

/** What a worker throws comes here as a plain Error. */
function isCheckpointProblem(thrown: unknown): thrown is Error {
  return thrown instanceof CheckpointProblem || (thrown instanceof Error && thrown.message.endsWith(PROGRAMS_CHANGED));
}
