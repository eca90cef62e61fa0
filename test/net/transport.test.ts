import { transportContract } from "../contract/transport.ts";
import { hasIpv6, openTcpWorld } from "./tcp-world.ts";

transportContract("TCP over IPv4", () => openTcpWorld("127.0.0.1"));
if (await hasIpv6()) transportContract("TCP over IPv6", () => openTcpWorld("::1"));
