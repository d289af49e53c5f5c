# Training on a relative, step by step, and annotating with the model. Toy sizes: the model learns next to nothing.
genescribe simulate --parameters saccharomyces_cerevisiae --seed 2 --total-bases 80000 --n-sequences 4 \
  --output-fasta relative.fa --output-gff3 downloaded.gff3
genescribe sort downloaded.gff3 relative.gff3
genescribe catalogue --fasta relative.fa --annotation relative.gff3 -o relative.duckdb
genescribe bake --fasta relative.fa --catalogue relative.duckdb --output baked \
  --options '{"bake": {"scheme": "gene"}, "splits": {"train": ["chr1", "chr2", "chr3"], "validation": ["chr4"]}}'

cat > run.yaml <<'YAML'
model:
  scheme: gene
  encoder: {hidden_dim: 8, conv_width: 8}
  tile: 4500
  halo: 900
  max_duration: 60
train: {max_steps: 3, batch_size: 2}
YAML
genescribe train --data baked --config run.yaml --output run

genescribe simulate --parameters saccharomyces_cerevisiae --seed 1 --total-bases 20000 --n-sequences 1 \
  --output-fasta my.fa --output-gff3 truth.gff3
genescribe annotate my.fa --model run/model -o my.gff3
