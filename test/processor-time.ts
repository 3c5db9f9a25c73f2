/**
 * Milliseconds of processor time that this process has used: what work costs, however busy the machine is with other
 * programs.
 */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
