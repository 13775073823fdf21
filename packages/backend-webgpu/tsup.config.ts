import { library } from "@spaattn/tooling/tsup";

// GPUDevice and its like are in the public types: whoever uses them needs no setting for it.
export default library({
  dts: { compilerOptions: { customConditions: [] }, banner: '/// <reference types="@webgpu/types" />' },
});
