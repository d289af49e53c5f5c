# A biologist with a new genome: annotate, look, share. The genome here is a simulated twin of yeast.
genescribe simulate --parameters saccharomyces_cerevisiae --total-bases 40000 --n-sequences 1 \
  --output-fasta my.fa --output-gff3 truth.gff3

genescribe annotate my.fa --min-posterior 0.5 --locus-tag ABC

head -3 my.gff3
cat my.summary.json
grep -c '>' my.proteins.fa
genescribe check my.gff3 --fasta my.fa
genescribe convert my.gff3 my.gff3.gz
genescribe evaluate truth.gff3 my.gff3
