/** Where Calico's resources can be. Stands by itself: the command line needs it, and not the clients. */
export const DATASTORES = ["files", "etcdv3", "kubernetes"] as const;
export type DatastoreType = (typeof DATASTORES)[number];
