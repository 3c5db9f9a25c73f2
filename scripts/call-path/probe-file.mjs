/** Where the probe writes its port, in the folder that the service was started in. */
export const PROBE_PORT_FILE = 'probe-port';
