# A methods researcher: two heads, the usual baselines and a tool of one's own in one report. Toy sizes.
genescribe simulate --parameters arabidopsis_thaliana --seed 3 --total-bases 160000 --n-sequences 4 \
  --output-fasta genome.fa --output-gff3 genes.gff3
genescribe convert genes.gff3 mytool.gtf

cat > compare.yaml <<'YAML'
title: Two heads
bootstrap: 50
genomes:
  mine:
    fasta: genome.fa
    annotation: genes.gff3
    splits: {train: [chr1, chr2], validation: [chr3], test: [chr4]}
    baselines: {files: {mytool: mytool.gtf}}
    batches: 1
bakes:
  gene: {scheme: gene}
runs:
  linear: &run
    bake: gene
    genomes: [mine]
    model: &model {scheme: gene, head: linear, encoder: {hidden_dim: 8, conv_width: 8}, tile: 4500, halo: 900}
    train: {max_steps: 3, batch_size: 2}
    threads: 1
  semicrf:
    <<: *run
    model: {<<: *model, head: semicrf, max_duration: 60}
YAML
genescribe run benchmark --cores 1 --configfile compare.yaml
genescribe evaluate genes.gff3 results/predict/semicrf/mine/whole/annotation.gff3
ls -l results/report.html
