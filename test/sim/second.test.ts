import { simulateSeeds } from "./converge.ts";

const SEEDS = Number(process.env.CALIDRIS_SIM_SEEDS ?? 100);
simulateSeeds(Number(process.env.CALIDRIS_SIM_FIRST ?? 1) + SEEDS, SEEDS);
