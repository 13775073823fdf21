/** Where the diffusers folder lies: a file URL in Node, a URL beside this module in browsers; ends with "/". */
export const folder = new URL("./model/", import.meta.url);

/** Every file of the folder, for hosts that cannot list one. */
export const files = [
  "model_index.json",
  "generation.json",
  "scheduler/scheduler_config.json",
  "text_encoder/config.json",
  "text_encoder/model.safetensors",
  "tokenizer/tokenizer.json",
  "tokenizer/tokenizer_config.json",
  "transformer/config.json",
  "transformer/diffusion_pytorch_model-00001-of-00002.safetensors",
  "transformer/diffusion_pytorch_model-00002-of-00002.safetensors",
  "transformer/diffusion_pytorch_model.safetensors.index.json",
  "vae/config.json",
  "vae/diffusion_pytorch_model.safetensors",
];

/** What the model was trained for; other sizes give noise. */
export const generation = {
  frames: 33,
  height: 96,
  width: 160,
  fps: 16,
  steps: 20,
  guidance: 3,
  flowShift: 3,
  textRows: 64,
};
