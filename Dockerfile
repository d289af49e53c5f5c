# docker build -t genescribe .
# docker run --rm -v "$PWD:/data" -u "$(id -u):$(id -g)" genescribe annotate my.fa
# With a GPU (NVIDIA Container Toolkit on the host): docker run --gpus all ...
# A smaller image without CUDA: docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu ...
FROM debian:bookworm-slim
ARG TORCH_INDEX=
ARG TOOLS="augustus hisat2 minimap2 samtools tabix"
COPY . /usr/src/genescribe
RUN TORCH_INDEX="$TORCH_INDEX" TOOLS="$TOOLS" bash /usr/src/genescribe/containers/install.sh /usr/src/genescribe
ENV PATH=/opt/genescribe/bin:$PATH HOME=/tmp
WORKDIR /data
ENTRYPOINT ["genescribe"]
