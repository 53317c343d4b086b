export default {
  base: './',
  build: { target: 'es2022' },
  // The machine's worker loads parts of itself.
  worker: { format: 'es' },
  // The package finds its worker beside itself.
  optimizeDeps: { exclude: ['tinamou'] },
};
