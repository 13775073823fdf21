export { reference } from "./backend.js";
