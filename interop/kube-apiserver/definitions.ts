/** Calico's resource definitions, as open as can be: any field is kept, and nothing is judged. */

/** Both groups that Calico has used, with their versions. */
export const GROUPS = ["crd.projectcalico.org/v1", "projectcalico.org/v3"] as const;

const KINDS = {
  bgppeers: "BGPPeer",
  bgpconfigurations: "BGPConfiguration",
  bgpfilters: "BGPFilter",
  ippools: "IPPool",
  blockaffinities: "BlockAffinity",
  caliconodestatuses: "CalicoNodeStatus",
} as const;

/** CustomResourceDefinitions of all kinds that we read, in both groups. */
export function calicoDefinitions(): object[] {
  return GROUPS.flatMap((place) => {
    const [group, version] = place.split("/") as [string, string];
    return Object.entries(KINDS).map(([plural, kind]) => ({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope: "Cluster",
        names: { plural, kind, listKind: `${kind}List`, singular: kind.toLowerCase() },
        versions: [
          {
            name: version,
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
          },
        ],
      },
    }));
  });
}

/** What calico-node may read (and with it we), less the rules for some resources. */
export function nodeRole(name: string, without: readonly string[] = []): object {
  const verbs = ["get", "list", "watch"];
  const calico = Object.keys(KINDS).filter((plural) => !without.includes(plural));
  const core = ["nodes", "services", "endpoints"].filter((plural) => !without.includes(plural));
  const slices = without.includes("endpointslices") ? [] : ["endpointslices"];
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name },
    rules: [
      { apiGroups: ["crd.projectcalico.org", "projectcalico.org"], resources: calico, verbs },
      { apiGroups: [""], resources: core, verbs },
      // Calico's own manifest does not allow to get one.
      { apiGroups: ["discovery.k8s.io"], resources: slices, verbs: ["list", "watch"] },
    ].filter(({ resources }) => resources.length > 0),
  };
}

export function roleBinding(role: string, user: string): object {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: `${role}-${user}` },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ kind: "User", name: user, apiGroup: "rbac.authorization.k8s.io" }],
  };
}

/** Named Secrets of one namespace, as an administrator allows them. */
export function secretRole(namespace: string, names: readonly string[], users: readonly string[]): object[] {
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const metadata = { name: "bgp-secrets", namespace };
  const rule = { apiGroups: [""], resources: ["secrets"], resourceNames: names, verbs: ["get", "list", "watch"] };
  return [
    { apiVersion, kind: "Role", metadata, rules: [rule] },
    {
      apiVersion,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: metadata.name },
      subjects: users.map((name) => ({ kind: "User", name, apiGroup: "rbac.authorization.k8s.io" })),
    },
  ];
}
