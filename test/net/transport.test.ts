import { requires } from "../../interop/requires.ts";
import { transportContract } from "../contract/transport.ts";
import { openTcpWorld } from "./tcp-world.ts";

transportContract("TCP over IPv4", () => openTcpWorld("127.0.0.1"));
transportContract("TCP over IPv6", () => openTcpWorld("::1"), await requires("ipv6-loopback"));
