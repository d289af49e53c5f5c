"""Linear and semi-Markov CRF heads: the modules people import."""

from genescribe.crf.censored import censored
from genescribe.crf.config import SemiCRFConfig
from genescribe.crf.duration_families import Gamma, NegativeBinomial, Poisson, Uniform
from genescribe.crf.head import SemiCRF
from genescribe.crf.inference import cross_entropy, entropy, kl_divergence, marginals
from genescribe.crf.statistics import RunStatistics
from genescribe.kernels.potentials import Potentials, Segmentation

__all__ = [
    "Gamma",
    "NegativeBinomial",
    "Poisson",
    "Potentials",
    "RunStatistics",
    "Segmentation",
    "SemiCRF",
    "SemiCRFConfig",
    "Uniform",
    "censored",
    "cross_entropy",
    "entropy",
    "kl_divergence",
    "marginals",
]
