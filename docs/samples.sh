advkit audit --suite quick --fresh --out docs/samples/audit
advkit transfer --architectures logistic,mlp,cnn --limit 100 --fresh --out docs/samples/transfer
advkit linearity --out docs/samples/linearity
advkit explain --eps 0.1 --faithfulness --fresh --out docs/samples/explain
