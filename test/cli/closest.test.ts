import { describe, expect, test } from 'vitest';
import { closest } from '../../actors/cli/closest.ts';

describe('closest', () => {
  test('finds a slip of the finger', () => {
    expect(closest('bigg', ['little', 'big'])).toBe('big');
    expect(closest('Asymmetric-8', ['asymmetric-16k', 'asymmetric-8'])).toBe('asymmetric-8');
  });

  test('keeps quiet when nothing is near', () => {
    expect(closest('cortex-x9', ['cortex-a53', 'ampereone'])).toBeUndefined();
    expect(closest('x', [])).toBeUndefined();
  });
});
