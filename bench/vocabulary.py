"""What the people of a big inbox say. The one rule: words are as unequal as in a real one: the first of the list is in
half of all messages, most are in a handful, and both languages, accents, names and numbers are among them.
"""

from __future__ import annotations

from itertools import product
from typing import Final


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split(" "))


SAID_OFTEN: Final = _listed(
    "de que e o a não você para bom dia obrigado um pedido com ok boa tarde meu por favor é uma do da no na se mais"
    " quero the to hello and boleto pagamento entrega prazo valor nota fiscal cartão quando como já hoje amanhã noite"
    " sim produto cliente loja preço frete endereço número telefone contato comprovante cpf pix conta banco link site"
    " you is my order thanks please payment delivery when what have not can help price address number invoice"
    " informação informações reclamação troca defeito garantia devolução cancelar cancelamento estorno reembolso"
    " desconto promoção compra comprar venda vendedor atendimento atendente horário sábado segunda semana mês ano"
    " azul preto branco vermelho verde grande pequeno médio tamanho modelo marca caixa unidade quantidade estoque"
    " mensagem mensagens foto áudio vídeo documento arquivo contrato proposta orçamento reunião agenda visita técnico"
    " shipping refund broken return exchange discount available question problem waiting today tomorrow morning"
    " transportadora rastreio código correios motoboy retirada portaria apartamento bloco bairro cidade estado cep"
    " instalação manutenção conserto peça motor bateria tela carregador cabo fonte assistência orientação condição"
    " parcela parcelas juros vencimento vencido atraso atrasado débito crédito fatura mensalidade assinatura plano"
    " consulta exame médico clínica convênio receita remédio aluno matrícula curso aula professor turma apostila"
)
FIRST_NAMES: Final = _listed(
    "Maria José Ana João Antônio Francisco Carlos Paulo Pedro Lucas Luiz Marcos Luís Gabriel Rafael Daniel Marcelo"
    " Bruno Eduardo Felipe Beatriz Júlia Letícia Fernanda Patrícia Aline Sandra Camila Amanda Bruna Jéssica Débora"
    " Conceição Vinícius Thiago Mônica Cláudia Lúcia Márcia Sônia Renata Larissa Natália Mateus Otávio Íris Zélia"
)
LAST_NAMES: Final = _listed(
    "Silva Santos Oliveira Souza Rodrigues Ferreira Alves Pereira Lima Gomes Costa Ribeiro Martins Carvalho Almeida"
    " Lopes Soares Fernandes Vieira Barbosa Rocha Dias Nascimento Andrade Moreira Nunes Marques Machado Mendes Freitas"
    " Cardoso Ramos Gonçalves Santana Teixeira Araújo Guimarães Conceição Magalhães Falcão Zanetti Quaresma"
)
_STARTS = _listed("ba ca de fi go ju la me ni po qui ra se ti va xa bre cla dri fro gra pla tre ")
_MIDDLES = _listed("ba co di fe gu la ma ni pe ro su ta ve zi lha nho ")
_ENDS = _listed("ção dor mente is ndo ra to ves ling ness ções nte l m")


def vocabulary(many: int) -> list[str]:
    """So many different words, those that are said most first; names are said less than what a business is about."""
    words = dict.fromkeys((*SAID_OFTEN, *FIRST_NAMES, *LAST_NAMES))
    made = ("".join(syllables) for syllables in product(_STARTS, _MIDDLES, _MIDDLES, _ENDS))
    # A stride that is prime to their number, so that neighbours in rank do not begin alike.
    seldom = [word for word in made if len(word) > 3]
    step = 7919
    words |= dict.fromkeys(seldom[place * step % len(seldom)] for place in range(len(seldom)))
    return list(words)[:many]
